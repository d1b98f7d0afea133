"""Nodes at work: each gets batches, hands on what it makes of them, counts its rows and reports."""

from program_lib.nodes.node import Feeder, Feeds, Inlet, Node, NodeFailed, Report
from program_lib.nodes.output import Output
from program_lib.nodes.source import Source
from program_lib.nodes.steps import Expand, Filter, InnerNode, Map, Split, Step, Union
from program_lib.nodes.wiring import wire

__all__ = [
    "Expand",
    "Feeder",
    "Feeds",
    "Filter",
    "InnerNode",
    "Inlet",
    "Map",
    "Node",
    "NodeFailed",
    "Output",
    "Report",
    "Source",
    "Split",
    "Step",
    "Union",
    "wire",
]
