"""The types of nodes, a file each: fields, ports, the columns that they give, and their lines of a program.

docs/adding_a_node_type.md tells how to add one.
"""
