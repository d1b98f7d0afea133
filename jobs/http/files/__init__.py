"""The routes of files: lists, uploads, downloads, and the rows that an output wrote. The disk is the runner's."""
