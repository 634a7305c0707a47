"""Menus that engineers edit: reviewed YAML text → a checked tree that one flow walks. Pure."""
