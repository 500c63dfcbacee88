"""What was handled, in a database of the agency's own.

`inbox`         a delivery, its handler's writes and the cursor in one transaction
`order`         the order, restored from whatever a transport does to it
`dead_letters`  what could not be handled, still sealed
`notes`         cursors, gaps, and what the service has yet to hear
`watch`         deliveries that kill their process
`database`      the little that all of these ask of a database, and SQLite behind it
"""
