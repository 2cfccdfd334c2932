"""Examines somebody's own network through the functions of their script.

`examination` asks, in order: can the functions be called (script, layout)? What network do they compute (recognition,
twin)? What does an update do, layer by layer (observation, update, algebra)? What carries over between steps (steps)?
How do the settings work on the data (course, settings)? Each check words its own evidence; the catalogue describes the
causes.
"""
