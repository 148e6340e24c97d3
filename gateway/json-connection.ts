import { BinaryConnection } from "./binary-connection.ts";
export class JsonConnection extends BinaryConnection {}
