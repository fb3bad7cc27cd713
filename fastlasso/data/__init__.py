"""Data sets as small .npz files, read by `fastlasso.datasets`; sources and licences are in docs/data.md."""
