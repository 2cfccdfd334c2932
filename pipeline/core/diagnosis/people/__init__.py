"""Somebody's own network, examined through the functions of their script.

`examination` asks, in order: can the functions be called (script, layout)? What network do they compute (recognition,
twin)? What does an update do, layer by layer (observation, update, algebra)? What carries over from step to step
(steps)? How do its settings do on its data (course, settings)? Each check words its own evidence; the catalogue
describes every cause.
"""
