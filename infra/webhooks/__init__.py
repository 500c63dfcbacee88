"""Webhooks: what an agency is told, posted to it as the Standard Webhooks specification has it (1.0.0).

`rows`       how far each webhook is, and who posts now: the table, and its changes
`addresses`  where may be posted to, and where not
`signature`  the secrets, and what is signed with them
`sending`    the sender: in order for each agency, again and again until it is taken
`serving`    what an agency's administrator is shown
"""
