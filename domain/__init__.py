"""The rules of the referral field, pure: no I/O, no clock, no randomness of their own.

`compartment`  what kind of knowledge a field is, declared beside the field
`fact`         the shape that commands and events share
`codes`        code lists with labels in Indonesian and English
`case`         the case file: events, state, and what may follow from a command
`agency`       the agencies: kind, services, members, keys, status
`pathways`     clocks as versioned data
`disclosure`   who may learn what of an event
`authority`    which role may ask for what, and for which purposes
`catalogue`    every event by its topic, and how old ones are read

Nothing here imports another folder of this project.
"""
