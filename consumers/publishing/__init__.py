"""What the service publishes with.

`publisher`  tells each agency, through its own topic, what it may know
`register`   what it asks of the register of what was told to whom; `infra/delivery` answers
"""
