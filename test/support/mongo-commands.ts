/** Writes down every command that a store sends, as it stands on the wire. */
import { type Command, TcpProxy } from './tcp-proxy.ts';

export class CommandLog {
  readonly url: string;
  readonly commands: Command[] = [];
  readonly #proxy: TcpProxy;

  private constructor(proxy: TcpProxy, url: string) {
    this.#proxy = proxy;
    this.url = url;
    proxy.decide = (command) => {
      this.commands.push(command);
      return 'pass';
    };
  }

  static async before(url: string): Promise<CommandLog> {
    const { proxy, url: through } = await proxied(url);
    return new CommandLog(proxy, through);
  }

  clear(): void {
    this.commands.length = 0;
  }

  close(): Promise<void> {
    return this.#proxy.close();
  }
}

/**
 * A proxy before the first host of a URL, and the URL that goes through it. The connection is a direct one: a replica set
 * tells its members' own addresses, which would lead around the proxy.
 */
export async function proxied(url: string): Promise<{ proxy: TcpProxy; url: string }> {
  const [, start = '', host = '', port = '27017', database = '', options = ''] =
    /^(mongodb:\/\/(?:[^/@]*@)?)([^:/,]+)(?::(\d+))?[^/]*\/([^?]*)\??(.*)$/.exec(url) ?? [];
  const proxy = await TcpProxy.before(host, Number(port));
  const kept = options.split('&').filter((pair) => pair !== '' && !/^replicaSet=/i.test(pair));
  const query = [...kept, 'directConnection=true'].join('&');
  return { proxy, url: `${start}127.0.0.1:${proxy.port}/${database}?${query}` };
}
