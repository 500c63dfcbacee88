"""The main job, to see: the Bontang story over HTTP and Kafka, and the import of a real log.

`network`  the eight agencies, their people and keys
`story`    two cases, told through the API alone
`inboxes`  each agency's subscription, and the check that it received exactly what it may know
`report`   tables a person likes to read
`play`     all of it, one after the other
"""
