import { RondoError } from '../../../workflows/contract/errors.js';
import type { CloudConfig, EnvironmentConfig, EnvironmentConfigInput, Networking, NetworkingInput } from '../../../workflows/contract/schema/environment.js';
import { PACKAGE_MANAGERS } from '../../../workflows/contract/schema/packages.js';

/** What a cloud environment has where the caller says nothing. */
const PLAIN: CloudConfig = {
  type: 'cloud',
  networking: { type: 'unrestricted' },
  packages: { type: 'packages', apt: [], cargo: [], gem: [], go: [], npm: [], pip: [] },
};

/** The configuration of a new environment, with every default of the wire filled in (section 2). Errors: `request.invalid`. */
export const resolveConfig = (given: EnvironmentConfigInput | null | undefined): EnvironmentConfig =>
  given?.type === 'self_hosted' ? { type: 'self_hosted', on_worker_loss: given.on_worker_loss ?? 'unknown' } : changeConfig(PLAIN, given);

/**
 * A stored configuration after an update: what is absent or null stays, also inside networking and packages; each list that
 * is given replaces its own. Errors: `request.invalid`, with `invalid_config_type_change` for another type.
 */
export function changeConfig(stored: EnvironmentConfig, given: EnvironmentConfigInput | null | undefined): EnvironmentConfig {
  if (!given) return stored;
  if (stored.type === 'self_hosted' && given.type === 'self_hosted') return { ...stored, on_worker_loss: given.on_worker_loss ?? stored.on_worker_loss };
  if (stored.type === 'cloud' && given.type === 'cloud') {
    return allowingItsPackages({
      ...stored,
      networking: changeNetworking(stored.networking, given.networking),
      packages: changePackages(stored.packages, given.packages),
    });
  }
  throw new RondoError('request.invalid', `config.type: is ${stored.type} and cannot be changed; make another environment.`, {
    details: { error_code: 'invalid_config_type_change' },
  });
}

/** What is stored of a policy that is given as a whole, with every default filled in. Pure. */
export const resolveNetworking = (given: NetworkingInput): Networking => changeNetworking(PLAIN.networking, given);

type CloudInput = Extract<EnvironmentConfigInput, { type: 'cloud' }>;

function changeNetworking(stored: Networking, given: NetworkingInput | null | undefined): Networking {
  if (!given) return stored;
  const passthrough = given.passthrough_hosts ?? stored.passthrough_hosts;
  const serverTools = given.server_tools ?? stored.server_tools;
  const ours = { ...(passthrough ? { passthrough_hosts: passthrough } : {}), ...(serverTools ? { server_tools: serverTools } : {}) };
  if (given.type === 'unrestricted') return { type: 'unrestricted', ...ours };
  const before = stored.type === 'limited' ? stored : undefined;
  const unknownHosts = given.unknown_hosts ?? before?.unknown_hosts;
  const askTimeout = given.ask_timeout ?? before?.ask_timeout;
  return {
    type: 'limited',
    allowed_hosts: given.allowed_hosts ?? before?.allowed_hosts ?? [],
    allow_mcp_servers: given.allow_mcp_servers ?? before?.allow_mcp_servers ?? false,
    allow_package_managers: given.allow_package_managers ?? before?.allow_package_managers ?? false,
    ...(unknownHosts ? { unknown_hosts: unknownHosts } : {}),
    ...(askTimeout ? { ask_timeout: askTimeout } : {}),
    ...ours,
  };
}

function changePackages(stored: CloudConfig['packages'], given: CloudInput['packages']): CloudConfig['packages'] {
  const changed = { ...stored };
  for (const manager of PACKAGE_MANAGERS) changed[manager] = given?.[manager] ?? stored[manager];
  return changed;
}

function allowingItsPackages(config: CloudConfig): CloudConfig {
  const { networking, packages } = config;
  if (networking.type === 'limited' && !networking.allow_package_managers && PACKAGE_MANAGERS.some((manager) => packages[manager].length > 0)) {
    throw new RondoError('request.invalid', 'config.packages: needs networking.allow_package_managers to be true where networking is limited.');
  }
  return config;
}
