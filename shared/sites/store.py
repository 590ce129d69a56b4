"""The SQL of static sites: which contents and forms a project has in Blob."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from shared.database import Connection
from shared.sites.models import Encoding, Form

KnownForms = dict[Encoding, Form | None]


async def known_contents(
    connection: Connection, project_id: UUID, digests: Sequence[str]
) -> dict[str, KnownForms]:
    """Which of these contents the project has, with the forms that were tried (None: no gain)."""
    rows = await connection.execute(
        # Contents with their forms, one row a form; one row without encoding where none was tried.
        """
        SELECT encode(o.digest, 'hex') AS digest, f.encoding,
               encode(f.form_digest, 'hex') AS form_digest, f.form_size
        FROM objects o
        LEFT JOIN object_forms f ON f.project_id = o.project_id AND f.digest = o.digest
        WHERE o.project_id = %s AND o.digest = ANY (%s)
        """,
        [project_id, [bytes.fromhex(d) for d in digests]],
    )
    found: dict[str, KnownForms] = {}
    async for row in rows:
        forms = found.setdefault(row["digest"], {})
        if row["encoding"]:
            digest, size = row["form_digest"], row["form_size"]
            forms[row["encoding"]] = Form(digest, size) if digest else None
    return found


async def add_contents(
    connection: Connection,
    account_id: UUID,
    project_id: UUID,
    contents: Sequence[tuple[str, int, Mapping[Encoding, Form | None]]],
) -> None:
    """Record contents and their forms; the bytes of all of them are in Blob already."""
    await connection.execute(
        # One row a content; a twin that published the same content may have been first.
        """
        INSERT INTO objects (project_id, account_id, digest, size)
        SELECT %s, %s, digest, size FROM unnest(%s::bytea[], %s::bigint[]) AS new (digest, size)
        ORDER BY digest
        ON CONFLICT DO NOTHING
        """,
        [
            project_id,
            account_id,
            [bytes.fromhex(digest) for digest, _, _ in contents],
            [size for _, size, _ in contents],
        ],
    )
    forms = [(d, e, form) for d, _, tried in contents for e, form in tried.items()]
    if not forms:
        return
    await connection.execute(
        # One row a form that was tried, also where it brought nothing.
        """
        INSERT INTO object_forms (project_id, account_id, digest, encoding, form_digest, form_size)
        SELECT %s, %s, * FROM unnest(%s::bytea[], %s::text[], %s::bytea[], %s::bigint[])
               AS new (digest, encoding, form_digest, form_size)
        ORDER BY digest, encoding
        ON CONFLICT DO NOTHING
        """,
        [
            project_id,
            account_id,
            [bytes.fromhex(digest) for digest, _, _ in forms],
            [encoding for _, encoding, _ in forms],
            [bytes.fromhex(form.digest) if form else None for _, _, form in forms],
            [form.size if form else None for _, _, form in forms],
        ],
    )
