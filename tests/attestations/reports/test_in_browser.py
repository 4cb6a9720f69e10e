"""HTML reports in a real browser: no barriers, nothing is loaded, and no text of others runs."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import release
from tests.attestations.reports.makers import MODEL, OWNER, approved, put, report_of
from weightmark.attestations.reports.forms import form_of
from weightmark.errors import Exit
from weightmark.provenance.ledger.log import Ledger

_MODULES = Path(__file__).parents[3] / ".peers" / "npm" / "node_modules"
_SCRIPT = """
const [modules, chromium, page] = process.argv.slice(1);
const { chromium: browsers } = require(modules + '/playwright-core');
const axe = require('fs').readFileSync(modules + '/axe-core/axe.min.js', 'utf8');
(async () => {
  const browser = await browsers.launch({ executablePath: chromium, args: ['--no-sandbox'] });
  const found = { requests: [], said: [], violations: [] };
  const plain = await browser.newPage();
  plain.on('request', one => found.requests.push(one.url()));
  plain.on('console', one => found.said.push(one.text()));
  plain.on('dialog', one => { found.said.push(one.message()); one.dismiss(); });
  await plain.goto('file://' + page);
  found.title = await plain.title();
  for (const colorScheme of ['light', 'dark']) {
    const checked = await (await browser.newContext({ bypassCSP: true, colorScheme })).newPage();
    await checked.goto('file://' + page);
    await checked.evaluate(axe);
    const { violations } = await checked.evaluate(() => axe.run());
    found.violations.push(...violations.map(one => one.id));
  }
  await browser.close();
  console.log(JSON.stringify(found));
})();
"""


@pytest.mark.needs("node")
@pytest.mark.needs("chromium")
@pytest.mark.needs("playwright")
def test_a_report_has_no_barriers_and_loads_and_runs_nothing(
    lineage: Ledger, tmp_path: Path
) -> None:
    hostile = "<img src=https://evil.example/x onerror=alert(1)><script>alert(2)</script>"
    put(lineage, OWNER, approved(OWNER, MODEL, reason=hostile), minutes=9)
    put(lineage, OWNER, release(OWNER, "other", title=hostile), minutes=9)
    page = tmp_path / "report.html"
    page.write_text(form_of("html").render(report_of(lineage), Exit.GOOD))
    node, chromium = shutil.which("node"), shutil.which("chromium")
    assert node
    assert chromium
    done = subprocess.run(
        [node, "-e", _SCRIPT, str(_MODULES), chromium, str(page)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["requests"] == [f"file://{page}"]
    assert found["said"] == []
    assert found["violations"] == []
    assert found["title"] == "Technical documentation (Annex IV): evidence for one artifact"
