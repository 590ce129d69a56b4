"""All causes by their slug; ``docs/failures.md`` shows them."""

from shared.failures import causes_of_code, causes_of_installs

CAUSES = {cause.slug: cause for cause in (*causes_of_installs.CAUSES, *causes_of_code.CAUSES)}
