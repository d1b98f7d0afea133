"""How a program is started: its command and its environment, which holds nothing else of the server's."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.graph.documents.unchecked import files_written
from jobs.graph.filled import as_run
from jobs.sandbox.allowance import Allowance
from jobs.sandbox.confinement import confined
from jobs.sandbox.connections import connections_for
from jobs.sandbox.data_roots import not_data, remove_unfinished_files, roots_of
from jobs.sandbox.interpreters import interpreter_environment
from jobs.sandbox.kept import KeptVariables
from jobs.store.records import Run
from jobs.work.run_files import RunFiles
from program_lib.parameters.taken import VARIABLE

LOG = logging.getLogger(__name__)


def program_environment(
    run: Run,
    graph: Mapping[str, Any],
    nats_url: str,
    data_dir: Path,
    allowance: Allowance,
    ours: Mapping[str, str] = os.environ,
    kept: KeptVariables | None = None,
) -> dict[str, str]:
    """Environment of a run's program: where it reports, who it is, its connections. It holds nothing else of ours.

    `kept`: what it is to keep, and what it begins with. Raises as `reading_environment`.
    """
    kept = kept or KeptVariables()
    files = RunFiles(data_dir, run.run_id)
    environment = {
        **reading_environment(run.tenant_id, graph, data_dir, allowance, ours),
        "NATS_URL": nats_url,
        "TENANT_ID": run.tenant_id,
        "JOB_ID": str(run.job_id),
        "RUN_ID": run.run_id,
        "LAST_WORDS": str(files.last_words.resolve()),
        "COMMITTING": str(files.committing.resolve()),
        **parameters_variable(run.parameters),
        **kept.variables,
    }
    return confined(environment, files.directory.resolve(), allowance, kept.reads)


def reading_environment(
    tenant_id: str,
    graph: Mapping[str, Any],
    data_dir: Path,
    allowance: Allowance,
    ours: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Environment for reading data: paths, hosts, and the connections that the graph names.

    Raises ConnectionsUnusable, NotAllowed, and OSError when the tenant's directory cannot be made.
    """
    allowance.check_tenant(tenant_id)
    allowance.check_code(graph)
    connections = connections_for(
        graph,
        tenant_id,
        allowance.rules.connections_file,
        ours,
        unbound=not allowance.has_many_tenants,
    )
    roots = roots_of(allowance.rules.data_roots, tenant_id)
    forbidden = not_data(data_dir, roots, allowance.rules.connections_file, *allowance.not_data)
    return {
        **interpreter_environment(ours),
        **connections,
        "DATA_DIR": str(roots[0]),
        "DATA_ROOTS": os.pathsep.join(map(str, roots)),
        "NOT_DATA": os.pathsep.join(map(str, forbidden)),
        "HTTP_INPUT_HOSTS": ",".join(allowance.rules.http_hosts),
    }


def parameters_variable(texts: Mapping[str, str | None]) -> dict[str, str]:
    """The variable that tells a program the values of its parameters; none where it has none."""
    return {VARIABLE: json.dumps(dict(texts), ensure_ascii=False)} if texts else {}


def remove_unfinished(
    run: Run, graph: Mapping[str, Any], data_dir: Path, allowance: Allowance
) -> None:
    """Removes the unfinished files that a program may have left. `graph`: as stored. Never raises."""
    try:
        RunFiles(data_dir, run.run_id).remove_spooled()
        roots = roots_of(allowance.rules.data_roots, run.tenant_id)
        written = files_written(as_run(graph, run.parameters))
        remove_unfinished_files(written, roots, run.run_id)
    except (OSError, ValueError) as error:  # ValueError: a NUL in a path
        LOG.warning("run %s: unfinished files may be left: %s", run.run_id, error)
