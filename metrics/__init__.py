"""Figures for Prometheus: what is counted, and how the processes of a server tell their figures as one."""
