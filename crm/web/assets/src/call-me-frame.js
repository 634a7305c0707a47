// Inside the frame: tells the page around it how high the form is and when Escape is pressed, and moves the focus to what
// is new. It says nothing that the other site may not know, so it says it to whoever frames it.
const tell = (what) => parent !== window && parent.postMessage(what, "*");
const first = document.querySelector("[data-first]");
const attend = () => first?.focus();

addEventListener("keydown", ({ key }) => key === "Escape" && tell({ kefu: "close" }));
new ResizeObserver(() => tell({ kefu: "height", height: document.documentElement.offsetHeight })).observe(document.body);
addEventListener("focus", attend, { once: true });
if (document.hasFocus()) attend();
