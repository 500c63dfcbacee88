"""How Kafka carries the messages, for both sides.

`names`       what topics are called; needs no client
`topics`      settings of topics
`access`      how a cluster is reached; needs no client
`clients`     clients of kafka-python that leave nothing behind
`unreadable`  records at which the client breaks off
`internals`   every use of the client's private parts, with its reason
"""
