// A file dropped anywhere on a page that takes files goes into its field, and is sent; one that is too large is not.
const form = document.querySelector("form[data-drop]");

function fits(file) {
  const small = file.size <= Number(form.dataset.drop);
  form.querySelector("[data-too-large]").hidden = small;
  return small;
}

function dropped(event) {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (!file) return;
  const field = form.querySelector("input[type=file]");
  field.files = event.dataTransfer.files;
  if (fits(file)) form.requestSubmit();
}

export function takeFiles() {
  if (!form) return;
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", dropped);
  form.addEventListener("change", ({ target }) => target.files?.[0] && fits(target.files[0]));
  form.addEventListener("submit", (event) => {
    const [file] = form.querySelector("input[type=file]").files;
    if (file && !fits(file)) event.preventDefault();
  });
}
