// What tests ask the application for by class must be the class that the application knows: see native-environment.js.
export { DataSource } from 'typeorm';
