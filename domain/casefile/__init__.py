"""What the subjects of a case share: its state, how it is decided, and its clocks.

`state`      the case as the rules remember it, and the part of it that each subject keeps for itself
`evolving`   how events change it
`deciding`   how a command becomes events, and what every decision asks first
`clocks`     windows of care and law: started, met and overdue. Several subjects start and meet them
`moves`      a referral's parties, and what every move of one names
`consenting` what consents and overrides have in common
`overriding` what is remembered of sharing without consent
`remaining`  who has to remain where somebody is excluded
`judging`    what one person did alone, and another judges within a time
`emergency`  what bounds breaking the glass

A subject (domain/case/) imports this, and no other subject: what two subjects need lies here.
"""
