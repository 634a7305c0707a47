"""`python -m crm.cli`: the same as `kefu`. `kefu up` starts its services this way, whatever is on PATH."""

from crm.cli import main

main(prog_name="kefu")
