//! The bundled `GraphiQL` page.
