"""The settings of a job that its graph holds and that are none of its nodes. Pure."""
