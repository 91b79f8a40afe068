"""What pyrofile-validator finds: ``validate.py FILE`` (a JSON list of resources); prints [[index, place, severity, message]]."""

import json
import sys
from pathlib import Path

from pyrofile_validator import Validator  # type: ignore[import-not-found]  # of tests/clients/.venv

validator = Validator()
found = [
    (n, issue.path or "", issue.severity.value, issue.message)
    for n, resource in enumerate(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    for issue in validator.validate_resource(resource).issues
]
print(json.dumps(found))
