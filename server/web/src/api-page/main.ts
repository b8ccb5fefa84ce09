// The API, to be tried in the browser: Swagger UI over the server's own OpenAPI document.
import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js';
import 'swagger-ui-dist/swagger-ui.css';
import './page.css';

SwaggerUI({
  url: new URL('../api', document.baseURI).href,
  domNode: document.getElementById('api'),
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  // No address but the server's own: no validator.
  validatorUrl: null,
});
