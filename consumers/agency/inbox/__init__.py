"""What was handled, in a database of the agency's own.

`inbox`         the inbox: a delivery, its handler's writes and the cursor in one transaction
`handling`      what a handler is asked, what it may say, and how often it is tried
`taking`        one such transaction, from the first delivery to the last
`order`         the order, restored from whatever a transport does to it
`dead_letters`  what could not be handled, still sealed
`notes`         cursors, gaps, and what the service has yet to hear
`watch`         deliveries that kill their process
`database`      the little that all of these ask of a database, and SQLite behind it
"""
