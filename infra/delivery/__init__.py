"""What agencies are told: registered once, sealed whenever it is sent, acknowledged, and escalated where it is not."""
