// Runs jobs with npm's Sigstore client: each `{verify: …}` or `{sign: …}` of the list on the standard input.
// Writes a list of answers: `{ok: …}` or `{error: …}`. The client is found in the current folder.
const fs = require("fs");
const path = require("path");

const load = (name) => require(path.join(process.cwd(), "node_modules", name));
const { bundleFromJSON, bundleToJSON } = load("@sigstore/bundle");
const { TrustedRoot } = load("@sigstore/protobuf-specs");
const { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } = load("@sigstore/sign");
const { Verifier, toSignedEntity, toTrustMaterial } = load("@sigstore/verify");

function verify(job) {
  const trust = toTrustMaterial(TrustedRoot.fromJSON(job.trustedRoot));
  const verifier = new Verifier(trust, { timestampThreshold: job.timestamps ?? 1 });
  const policy = { subjectAlternativeName: job.subject, extensions: { issuer: job.issuer } };
  const signer = verifier.verify(toSignedEntity(bundleFromJSON(job.bundle)), policy);
  return signer.identity;
}

async function sign(job) {
  const retry = 0;
  const witnesses = [
    new RekorWitness({ rekorBaseURL: job.url, majorApiVersion: job.version, entryType: "dsse", retry }),
    new TSAWitness({ tsaBaseURL: `${job.url}/tsa/api/v1/timestamp`, retry }),
  ];
  const identityProvider = { getToken: async () => job.token };
  const signer = new FulcioSigner({ fulcioBaseURL: job.url, identityProvider, retry });
  const builder = new DSSEBundleBuilder({ signer, witnesses });
  const artifact = { data: Buffer.from(job.payload), type: "application/vnd.in-toto+json" };
  return bundleToJSON(await builder.create(artifact));
}

async function main() {
  const answers = [];
  for (const job of JSON.parse(fs.readFileSync(0, "utf8"))) {
    try {
      answers.push({ ok: job.verify ? verify(job.verify) : await sign(job.sign) });
    } catch (error) {
      answers.push({ error: `${error.code ?? ""} ${error.message}: ${error.cause?.message ?? ""}` });
    }
  }
  fs.writeSync(1, JSON.stringify(answers));
}

main();
