"""The rules of the referral field, pure: no I/O, no clock, no randomness of their own.

`compartment`    what kind of knowledge a field is, declared beside the field
`fact`           the shape that commands and events share
`codes`          code lists with labels in Indonesian and English
`declaring`      what an event and a command declare of themselves; `words`, `field_words`
`case`           the case file, one file a subject: what can happen, what can be asked, what follows
`casefile`       what those subjects share: the state of a case, how it is decided, its clocks
`agency`         the agencies: kind, services, members, status; `agency_hours`, `agency_keys`, `agency_state`, `webhook`
`calendar`       working days, and when the last of so many ends
`pathways`       clocks as versioned data
`disclosure`     who may learn what of an event
`standing`       who may do what, to what, how far: one table, and the room that asks it
`catalogue`      every event by its topic, and how old ones are read

Nothing here imports another folder of this project.
"""
