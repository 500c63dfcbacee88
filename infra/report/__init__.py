"""The readable report of a case bundle: PDF/A, in Indonesian and English, signed with PAdES. See README.md."""
