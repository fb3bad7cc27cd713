"""The one problem as a value: options, data behind a `Design`, loss and penalty."""
