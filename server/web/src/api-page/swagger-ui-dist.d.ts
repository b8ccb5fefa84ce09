declare module 'swagger-ui-dist/swagger-ui-es-bundle.js' {
  /** The options that are used here; Swagger UI documents all. */
  export default function SwaggerUI(options: {
    url: string;
    domNode: HTMLElement | null;
    deepLinking?: boolean;
    docExpansion?: 'list' | 'full' | 'none';
    defaultModelsExpandDepth?: number;
    displayRequestDuration?: boolean;
    filter?: boolean;
    tryItOutEnabled?: boolean;
    validatorUrl?: string | null;
  }): unknown;
}
