"""The HTTP API: what agencies' people and systems call. Behind it, as behind every other door, stands `application`,
in which there is no HTTP.

`actions`     every action as a resource: path, command, example; one table
`reads`       what a read is, declared once; `parameters` what it may be asked
`serving`     how reads and writes are answered: the door
`writes`, `documents`, `searching`, `erasing`, `acknowledging`  the routes that write, or take a body
`case_file`, `history`, `emergency`, `reports`, `survivor`, `bundles`  reads that open content, with their declarations
`reference`, `agency_keys`, `webhooks`, `ledger`, `messages`  reads that do not
`subscribing` what an agency is told, by pages, long-poll and streams; `waiting` for it without a thread
`identity`    who is calling: RFC 9068 access tokens
`problems`    every refusal as an RFC 9457 problem with a stable type
`contract`    the OpenAPI 3.1 document
`app`         puts them together

Lists out of read models are declared beside their queries, in `projections`. May import `domain` and `projections`.
"""
