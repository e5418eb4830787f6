import type { Ids } from './seeds.js';

/** What paths are filled with. */
export interface Planted {
  /** Read and changed as often as the fuzzer likes. */
  readonly lasting: Ids;
  /** Deleted, archived and killed. */
  readonly expendable: Ids;
  /** For the paths of the work queue. */
  readonly work: Ids;
}

/** How often a planted id stands in a path; otherwise the fuzzer thinks one up. */
const SHARE = 0.75;

/** The fuzzer's settings, as TOML: its own schemas have room for ids only by what is written here. */
export function toToml({ lasting, expendable, work }: Planted): string {
  const sets = { lasting, expendable, work };
  const dictionaries = Object.entries(sets).flatMap(([set, ids]) =>
    Object.entries(ids).map(([name, id]) => `[dictionaries.${set}_${name}]\nvalues = [${JSON.stringify(id)}]`),
  );
  return [
    `parameters = ${bindings('lasting', lasting)}`,
    ...dictionaries,
    operations('include-method = "DELETE"', bindings('expendable', expendable)),
    operations('include-path-regex = "/(archive|kill)$"', bindings('expendable', expendable)),
    operations('include-path-regex = "/environments/.*/(work|keys)"', bindings('work', work)),
    // What a body must refer to, so that some bodies are valid.
    operations('include-path-regex = "^/v1/(agents|invoke)$"', '{ "body.model" = { dictionary = "model", probability = 1.0 } }'),
    operations(
      'include-path-regex = "^/v1/sessions$"',
      `{ "body.agent" = { dictionary = "lasting_agent_id", probability = 1.0 }, "body.environment_id" = { dictionary = "lasting_environment_id", probability = 1.0 } }`,
    ),
    '[dictionaries.model]\nvalues = ["rehearsal/echo"]',
    // The fuzzer takes minutes to enumerate the edges of these bodies: unions within unions. It still draws examples of them.
    '[[operations]]\ninclude-path-regex = "^/v1/(agents|sessions|invoke|environments|vaults)"\ninclude-method = "POST"\nphases.coverage.enabled = false',
    // A method the document does not name is refused by the router, whatever is sent.
    '[phases.coverage]\nunexpected-methods = []',
  ].join('\n\n');
}

function bindings(set: string, ids: Ids): string {
  const bound = Object.keys(ids).map((name) => `"path.${name}" = { dictionary = "${set}_${name}", probability = ${SHARE} }`);
  return `{ ${bound.join(', ')} }`;
}

const operations = (which: string, parameters: string): string => `[[operations]]\n${which}\nparameters = ${parameters}`;
