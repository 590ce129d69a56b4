import { Routes } from '@angular/router';

import { About } from './about';

export const routes: Routes = [{ path: 'about', component: About }];
