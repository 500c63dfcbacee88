"""The HTTP API: what agencies' people and systems call.

`actions`   every action as a resource: path, command, example; one table
`casework`  from a command to stored events, and from a case to what one may read of it
`identity`  who is calling: RFC 9068 access tokens
`problems`  every refusal as an RFC 9457 problem with a stable type
`writing`, `reading`, `documents`, `searching`, `erasing`  the routes
`subscribing`  what an agency is told, by pages, long-poll and streams; `waiting` for it without a thread
`contract`  the OpenAPI 3.1 document
`app`       puts them together

Adapters come in through the protocols in `ports`. May import `domain` and `projections`.
"""
