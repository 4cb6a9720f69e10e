"""Auditor's pages: a ledger for people who look rather than read. Served live, or written as a static site.

Every page is HTML that a server rendered (Jinja2, autoescape, no remote assets, no inline script or style),
works without JavaScript, and has a `.json` twin. All links are relative, so that a prefix before the pages
and a static copy behave alike. `GET` and `HEAD` only.

Pages (live URL; JSON twin; file of the static site; template)

    /                         /index.json               index.html                     overview.html
    /entries?…                /entries.json?…           entries.html                   entries.html
    /entries/<index>          /entries/<index>.json     entries/<index>.html           entry.html
    /leaves/<leaf hash, hex>  /leaves/<hex>.json        -                              (redirects to the entry)
    /artifacts/<digest, hex>  /artifacts/<hex>.json     artifacts/<hex>.html           artifact.html
    /signers/<kind>-<hex>     /signers/<kind>-<hex>.json signers/<kind>-<hex>.html     signer.html
    /decisions/<index>        /decisions/<index>.json   decisions/<index>.html         decision.html
    /revocations?…            /revocations.json?…       revocations.html               revocations.html
    /compare?left=&right=     /compare.json?…           -                              compare.html
    /check                    -                         check.html                     check.html
    /assets/pages.css         -                         assets/pages.css               -
    /assets/*.js              -                         assets/*.js                    -

`files.SCRIPTS` names the scripts in the order in which `entry.html` and `check.html` load them. Further pages
of a list are `?before=<index>`, in the static site `<page>-before-<index>.html`.
The static site also holds the tlog-tiles view of the same checkpoint: `checkpoint`, `tile/…`, and below `claims/`
those that bind, as `ledger publish` does.

Parameters of `/entries`: `text` (words of 3 characters or more), `subject` (`wm1:`, `sha256:`, `key:` or
`salted:` with 64 hex digits), `signer`, `kind`, `verdict`, `since`, `until` (date or RFC 3339), and the
keyset of a page: `before=<index>` or `after=<index>`. An unknown or doubled one is 400.

Every template extends `base.html` (skip link `#main`, landmarks, navigation, footer). `entry.html` holds the
places for the proof check in the browser, `check.html` the same with `data-mode="drop"` and no data block:

    <section id="proof-check" aria-labelledby="proof-heading" data-mode="page">
      <h2 id="proof-heading">Proof check</h2>
      <p>…for people without JavaScript: the command that does the same…</p>
    </section>
    <script type="application/json" id="proof">{…}</script>
    <script src="../assets/proof.js" defer></script>
    <script src="../assets/check.js" defer></script>

The data block `#proof`, with `<`, `>`, `&`, `'` written as `\\u00XX`, is exactly this object; nothing in it
needs to be trusted:

    {"v": 1,
     "receipt": "<text>",    the tlog-proof with `extra` = the leaf, as `ledger prove` writes it
     "vkey": "<text>",       the C2SP verifier key as the server gives it; the visitor pins his own
     "live": true}           false in the static site

The scripts are classic ones (modules do not load from `file://`), without dependency, and touch only
`#proof-check`. `assets/pages.css` styles `.proof-state[data-state=proven|failed|unchecked|unpinned]`,
`ol.proof-steps > li[data-state]` and `.proof-form`. No inline style, no inline event handlers.

Headers of every page: `Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self';
connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
`nosniff`, `Referrer-Policy: no-referrer`, `Cross-Origin-Opener-Policy` and `-Resource-Policy: same-origin`.
The static site says the same in a `<meta>`, with `file:` beside `'self'` for styles and scripts.
"""

__all__: list[str] = []
