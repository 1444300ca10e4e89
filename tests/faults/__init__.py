"""A campaign of faults against toy runs; see campaign.py and docs/reliability.md."""
