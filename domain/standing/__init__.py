"""Standing: who may do what, to what, how far. One table, and the one room that asks it.

`relations`  what an agency, and a person, can be to a case and to a thing in it; how far one may go
`roles`      who acts: groups of roles, and the purposes that a role acts for
`rows`       a row of the table: roles, relation, thing, another person, extent; the rows that recur
`readings`   the rows of every reading, by whatever door. Those of commands are declared beside them (`@asked`)
`rule`       asks the table: refuses, or lets pass
`page`       the table for people, in Indonesian and English: TABLE.md

No decider and no door carries a rule of its own about standing: a test looks for one. The default is no.
"""
