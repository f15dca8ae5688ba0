/** `config/schema.json`: what an editor needs to complete and check a configuration file. */
import { z } from 'zod';
import { configFile } from './schema.ts';

export function configJsonSchema(): z.core.JSONSchema.BaseSchema {
  return { title: 'Configuration of Postern', ...z.toJSONSchema(configFile, { io: 'input' }) };
}
