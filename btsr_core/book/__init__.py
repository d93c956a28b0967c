"""What turns chapters into a book: parameters, papermill, Sphinx."""
