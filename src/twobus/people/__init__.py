"""Who knows what in a project, and who should read a change so that it spreads."""

from twobus.people.knowledge import Change, File, Knowledge, Move
from twobus.people.recommend import Advice, advise

__all__ = ["Advice", "Change", "File", "Knowledge", "Move", "advise"]
