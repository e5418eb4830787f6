import { z } from 'zod';

/** Variables that programs act on: a placeholder in one would break the sandbox, or change what runs in it. */
const ACTED_ON =
  /^(PATH|HOME|PWD|OLDPWD|SHELL|USER|LOGNAME|HOSTNAME|TERM|LANG|LANGUAGE|TZ|IFS|ENV|CDPATH|SHELLOPTS|BASHOPTS|BASH_ENV|BASH_FUNC_.*|BASH_XTRACEFD|PROMPT_COMMAND|PS[0-4]|TMPDIR|LC_.*|LD_.*|DYLD_.*|GCONV_PATH|LOCPATH|NLSPATH|HOSTALIASES|RES_OPTIONS|MALLOC_.*|GLIBC_TUNABLES|NODE_OPTIONS|NODE_PATH|NODE_EXTRA_CA_CERTS|PYTHON(PATH|HOME|STARTUP|INSPECT|WARNINGS|BREAKPOINT|EXECUTABLE)|PERL5?(LIB|OPT|DB)|RUBY(OPT|LIB)|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH|GOFLAGS|CARGO_HOME|RUSTC_WRAPPER|RUSTFLAGS|GIT_.*|SSH_.*|EDITOR|VISUAL|PAGER|LESSOPEN|LESSCLOSE|MANPAGER|BROWSER|SSL_CERT_(FILE|DIR)|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|(HTTPS?|FTP|ALL|NO)_PROXY|RONDO_.*|XDG_.*)$/i;

/** The name of an environment variable that shows a credential's placeholder. */
export const SecretName = z
  .string()
  .max(255)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable: letters, digits and _, not beginning with a digit')
  .refine((name) => !ACTED_ON.test(name), 'is a variable that shells or programs act on; choose another name');
