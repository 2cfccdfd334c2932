"""Somebody's own network, examined through the functions of their script.

`examination` asks, in order: can the functions be called (script, layout), what network do they compute (twin), what
does an update do, layer by layer (observation, algebra), from step to step (memory of steps), and how do its settings
do on its data (course, settings). `findings` has the causes, and their words.
"""
