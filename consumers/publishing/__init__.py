"""What the service publishes with.

`publisher`  tells each agency, through its own topic, what it may know
`supply`     what it asks of the register of what was told to whom; `infra/delivery` answers
`tails`      how far a topic was written, as the topic itself shows it
`asking`     whether a broker answers at all
`sending`    one transaction to the broker
"""
