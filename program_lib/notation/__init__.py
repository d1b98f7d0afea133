"""How people write where something is: cells of Excel, places in JSON, patterns of paths. Pure."""
