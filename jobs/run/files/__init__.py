"""The files of a tenant's data roots, for web servers that ask: lists, uploads and downloads."""
