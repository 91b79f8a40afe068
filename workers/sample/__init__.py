"""A sample community of people who do not exist, as files a hospital and a health centre would send."""

from workers.sample.community import Community, ExpectedRefusal, make_community
from workers.sample.invented import RECORD_SYSTEM, SamplePerson

__all__ = ["RECORD_SYSTEM", "Community", "ExpectedRefusal", "SamplePerson", "make_community"]
