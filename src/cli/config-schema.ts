import { configJsonSchema } from '../config/json-schema.ts';
import { type Command, EXIT } from './command.ts';

export const configSchema: Command = {
  name: 'config schema',
  summary: 'print the JSON Schema of the configuration file',
  async run(_flags, { print }) {
    print(JSON.stringify(configJsonSchema(), undefined, 2));
    return EXIT.ok;
  },
};
