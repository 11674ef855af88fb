"""One scenario from its file to an audited answer; the same answer judged again later; several answers side by side."""
