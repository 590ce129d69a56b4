import { Component } from '@angular/core';

@Component({
  selector: 'app-about',
  template: '<h1>Second page</h1>',
})
export class About {}
